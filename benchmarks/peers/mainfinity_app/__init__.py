"""A shop around mainfinity-django-mpesa, as small as its documents allow."""
