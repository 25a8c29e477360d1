"""A real nginx for the tests, where there is one (`make gateways`)."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

CONFIGURATION = """
daemon off;
worker_processes 1;
{user}
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {top}
    {servers}
}}
"""


@contextlib.contextmanager
def nginx(folder: Path, servers: Mapping[str, str], top: str = "") -> Iterator[dict[str, str]]:
    """The addresses, `127.0.0.1:PORT`, of servers by name; each is given by its directives, which
    may begin with `ssl;`. Skips the test where there is no nginx."""
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        pytest.skip("there is no nginx; `make gateways` installs it")
    with contextlib.ExitStack() as stack:
        # It takes over sockets that listen already, as a new nginx does an old one's: no port is
        # another's by then, and who connects early waits.
        sockets, blocks, addresses = [], [], {}
        for name, directives in servers.items():
            listening = stack.enter_context(socket.socket())
            listening.bind(("127.0.0.1", 0))
            listening.listen(128)
            sockets.append(listening)
            addresses[name] = f"127.0.0.1:{listening.getsockname()[1]}"
            listen = f"listen {addresses[name]}"
            if directives.startswith("ssl;"):
                listen, directives = f"{listen} ssl", directives.removeprefix("ssl;")
            blocks.append(f"server {{ {listen}; {directives} }}")
        is_root = os.geteuid() == 0  # else a worker is somebody who may not write there
        file = folder / "nginx.conf"
        text = CONFIGURATION.format(
            folder=folder,
            top=top,
            servers="\n".join(blocks),
            user="user root;" if is_root else "",
        )
        file.write_text(text, encoding="utf-8")
        numbers = [each.fileno() for each in sockets]
        process = subprocess.Popen(
            [program, "-p", str(folder), "-c", str(file), "-e", str(folder / "error.log")],
            pass_fds=numbers,
            env={**os.environ, "NGINX": "".join(f"{number};" for number in numbers)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for each in sockets:
            each.close()
        try:
            yield addresses
        finally:
            process.terminate()
            process.wait(30)
