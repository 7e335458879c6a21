import os

from django.core.asgi import get_asgi_application

from f1picks.serving import require_secret_key

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "f1picks.settings")
require_secret_key()
application = get_asgi_application()
