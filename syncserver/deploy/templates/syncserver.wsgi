"""Serve syncserver as the one daemon process of Apache's mod_wsgi.

Written by `ctl.py deploy-files apache-wsgi`. The log goes to Apache's error log.
"""

import atexit
from pathlib import Path
from urllib.parse import quote

from paste.deploy import loadapp

from syncserver.events import configure_logging
from syncserver.services import services_for
from syncserver.settings import load_file

CONFIG = @{config_literal}

settings = load_file(Path(CONFIG))[0].options
configure_logging(settings.log_level, settings.log_format)
application = loadapp("config:" + quote(CONFIG))
# Unfinished syncs are rolled back and collections closed when Apache ends the process.
atexit.register(services_for(settings).close)
