import os

from django.core.wsgi import get_wsgi_application

from f1picks.serving import require_secret_key

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "f1picks.settings")
require_secret_key()
application = get_wsgi_application()
