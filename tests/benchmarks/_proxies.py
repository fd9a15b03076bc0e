"""nginx and HAProxy in front of a WebSocket provider, one process of one thread each (Debian's packages)."""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.benchmarks._processes import Child, free_port

_NGINX: Final = """
daemon off; master_process off; worker_processes 1; pid %(folder)s/pid; error_log %(folder)s/error;
events { worker_connections 8192; }
http {
    access_log off; client_body_temp_path %(folder)s/b; proxy_temp_path %(folder)s/p;
    fastcgi_temp_path %(folder)s/f; uwsgi_temp_path %(folder)s/u; scgi_temp_path %(folder)s/s;
    server {
        listen 127.0.0.1:%(port)d backlog=2048;
        location / {
            proxy_pass http://127.0.0.1:%(provider)d; proxy_http_version 1.1; proxy_buffer_size 64k; proxy_buffers 8 64k;
            proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade"; proxy_read_timeout 1h;
        }
    }
}
"""
_HAPROXY: Final = """
global
    maxconn 8000
    nbthread 1
    tune.bufsize 65536
defaults
    mode http
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    timeout tunnel 1h
listen relay
    bind 127.0.0.1:%(port)d backlog 2048
    server provider 127.0.0.1:%(provider)d
"""


@contextmanager
def proxy(name: str, provider_port: int, core: int) -> Iterator[Child]:
    """``nginx`` or ``haproxy``, ready to be connected to."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "config"
        config = _NGINX if name == "nginx" else _HAPROXY
        file.write_text(config % {"folder": folder, "provider": provider_port, "port": port})
        command = ["nginx", "-c", str(file), "-p", folder, "-e", f"{folder}/error"]
        if name == "haproxy":
            command = ["haproxy", "-db", "-q", "-f", str(file)]
        with subprocess.Popen(
            ["taskset", "-c", str(core), *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True
        ) as process:
            try:
                _wait_for(port)
                yield Child(process, port)
            finally:
                process.kill()


def installed(name: str) -> bool:
    """Whether it can be run here."""
    return shutil.which(name) is not None


def _wait_for(port: int) -> None:
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"nobody listens on port {port}")
