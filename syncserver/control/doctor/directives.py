"""Which setting of which program is to be changed for what; the program that answered comes first.

The names of settings are those of the programs' own manuals. `syncserver` is our own configuration.
"""

from collections.abc import Mapping
from typing import Final

Directives = Mapping[str, str]

BODY_SIZE: Final[Directives] = {
    "nginx": "client_max_body_size 400m; (its default of 1m breaks every upload)",
    "Apache": "LimitRequestBody 0 (mod_wsgi; it does not hold for mod_proxy), or mod_security's"
    " SecRequestBodyLimit",
    "Caddy": "request_body { max_size 400MB }, or no request_body at all",
    "HAProxy": "no 'http-request deny' on req.body_size; tune.bufsize plays no part",
    "Cloudflare": "its own limit (100 MB on small plans) cannot be raised: go around it",
    "syncserver": "max_collection_bytes in [DEFAULT] of the ini file",
}
CHUNKED: Final[Directives] = {
    "nginx": "proxy_http_version 1.1; and proxy_request_buffering on;",
    "Apache": "SetEnv proxy-sendchunked 1, and no 'RequestHeader unset Transfer-Encoding'",
    "mod_wsgi": "WSGIChunkedRequest On",
    "uWSGI": "http-chunked-input = true (and wsgi-manage-chunked-input), or another server",
    "lighttpd": 'server.stream-request-body = 0 and proxy.header = ("force-http10" => "disable")',
    "other": "a proxy that speaks HTTP/1.1 to the server, or none",
}
ERROR_PAGES: Final[Directives] = {
    "nginx": "proxy_intercept_errors off;",
    "Apache": "ProxyErrorOverride Off",
    "Caddy": "no handle_errors or handle_response for these paths",
    "HAProxy": "no http-response return or errorfile for statuses of the server",
}
HEADERS: Final[Directives] = {
    "nginx": "no proxy_pass_request_headers off; and no proxy_set_header anki-sync …;",
    "Apache": "no 'RequestHeader unset anki-sync'; no mod_security rule on its JSON",
    "Caddy": "no 'header_up -anki-sync'",
    "HAProxy": "no 'http-request del-header anki-sync'; tune.bufsize 16384 or more",
}
HEADER_SIZE: Final[Directives] = {
    "nginx": "large_client_header_buffers 4 16k;",
    "Apache": "LimitRequestFieldSize 8190",
    "HAProxy": "tune.bufsize 16384",
}
ANSWER_HEADERS: Final[Directives] = {
    "nginx": "no proxy_hide_header anki-original-size;",
    "Apache": "no 'Header unset anki-original-size'",
    "Caddy": "no 'header_down -anki-original-size'",
    "HAProxy": "no 'http-response del-header anki-original-size'",
}
COMPRESSION: Final[Directives] = {
    "nginx": "gzip off; (and brotli off;) for this location",
    "Apache": "SetEnv no-gzip 1, and no SetOutputFilter DEFLATE",
    "Caddy": "no encode for this site",
    "HAProxy": "no 'filter compression' or 'compression algo'",
}
BUFFERING: Final[Directives] = {
    "nginx": "proxy_buffering off;, or proxy_max_temp_file_size 0;",
    "Apache": "no mod_buffer or mod_cache_disk for this path",
    "HAProxy": "no 'option http-buffer-request'",
    "other": "answers must be passed on while they come",
}
TIMEOUTS: Final[Directives] = {
    "nginx": "proxy_read_timeout 60s; (and proxy_send_timeout 60s;)",
    "Apache": "ProxyTimeout 60, or timeout=60 in ProxyPass",
    "Caddy": "reverse_proxy … { transport http { response_header_timeout 60s } }, or none",
    "HAProxy": "timeout server 60s",
    "syncserver": "sync_wait below the proxy's time-out, if that cannot be raised",
}
UPSTREAM: Final[Directives] = {
    "nginx": "proxy_pass http://127.0.0.1:8080/; must name the server's host and port",
    "Apache": "ProxyPass / http://127.0.0.1:8080/ must name the server's host and port",
    "Caddy": "reverse_proxy 127.0.0.1:8080 must name the server's host and port",
    "HAProxy": "server anki 127.0.0.1:8080 must name the server's host and port",
    "syncserver": "ctl.py status tells whether it runs; host and port in [server:main]",
}
SUB_PATH: Final[Directives] = {
    "nginx": "location /anki/ { proxy_pass http://127.0.0.1:8080/; } with a slash at both ends",
    "Apache": "ProxyPass /anki/ http://127.0.0.1:8080/ with a slash at both ends",
    "Caddy": "handle_path /anki/* { reverse_proxy 127.0.0.1:8080 }",
    "HAProxy": "http-request replace-path /anki(/.*) \\1",
    "syncserver": "public_url = the address with the path and a slash at its end",
}
MEDIA_PATH: Final[Directives] = {
    "nginx": "location / { … } or a location for /msync/ like the one for /sync/",
    "Apache": "ProxyPass /msync/ http://127.0.0.1:8080/msync/",
    "Caddy": "reverse_proxy without a path, or one for /msync/* as well",
    "HAProxy": "no acl on path_beg that leaves /msync/ out",
    "syncserver": "/msync = media in [composite:main]",
}
SLASHES: Final[Directives] = {
    "nginx": "merge_slashes on; and no rewrite … permanent;",
    "Apache": "MergeSlashes On, and no RedirectMatch on '//'",
    "Caddy": "no redir on double slashes",
}
REDIRECT: Final[Directives] = {
    "nginx": "no return 301 or rewrite for the address that clients use",
    "Apache": "no Redirect or RewriteRule [R] for the address that clients use",
    "Caddy": "enter https:// in clients: Caddy redirects http:// by itself",
    "HAProxy": "no 'http-request redirect' for the address that clients use",
}
ACCESS: Final[Directives] = {
    "nginx": "no auth_basic, deny or auth_request for this location",
    "Apache": "Require all granted, and no AuthType for this path",
    "Caddy": "no basic_auth or forward_auth for this site",
    "HAProxy": "no 'http-request auth' or 'deny' that holds here",
}
CHAIN: Final[Directives] = {
    "nginx": "ssl_certificate …/fullchain.pem; (not cert.pem)",
    "Apache": "SSLCertificateFile …/fullchain.pem",
    "Caddy": "tls fullchain.pem key.pem, or leave certificates to Caddy",
    "HAProxy": "bind … ssl crt file.pem, with fullchain.pem and the key in it",
    "syncserver": "the file of the certificate must hold the intermediate certificates too",
}
CERTIFICATE: Final[Directives] = {
    "nginx": "ssl_certificate and ssl_certificate_key, then nginx -s reload",
    "Apache": "SSLCertificateFile and SSLCertificateKeyFile, then apachectl graceful",
    "Caddy": "renews by itself: caddy's log says what keeps it from that",
    "HAProxy": "bind … ssl crt file.pem, then reload",
}
NAMES: Final[Directives] = {
    "nginx": "server_name and ssl_certificate of the server block that answers this name",
    "Apache": "ServerName and SSLCertificateFile of the virtual host that answers this name",
    "Caddy": "the site's address must be this name",
    "HAProxy": "bind … ssl crt with a certificate for this name",
}
TLS_VERSIONS: Final[Directives] = {
    "nginx": "ssl_protocols TLSv1.2 TLSv1.3;",
    "Apache": "SSLProtocol -all +TLSv1.2 +TLSv1.3",
    "Caddy": "tls { protocols tls1.2 tls1.3 }",
    "HAProxy": "ssl-min-ver TLSv1.2",
}
CLIENT_CERTIFICATE: Final[Directives] = {
    "nginx": "ssl_verify_client off;",
    "Apache": "SSLVerifyClient none",
    "Caddy": "no client_auth in tls { … }",
    "HAProxy": "verify none, not 'verify required', in bind",
}
HTTP_VERSIONS: Final[Directives] = {
    "nginx": "listen 443 ssl; answers HTTP/1.1 beside HTTP/2 by itself",
    "Apache": "Protocols h2 http/1.1",
    "Caddy": "servers { protocols h1 h2 }",
    "HAProxy": "alpn h2,http/1.1",
}


def for_program(directives: Directives, program: str = "") -> tuple[str, ...]:
    """Return the lines to print, the one for `program` (as in a Server header) first."""
    answered = program.lower()
    names = sorted(directives, key=lambda name: not (answered and name.lower() in answered))
    return tuple(f"{name}: {directives[name]}" for name in names)
