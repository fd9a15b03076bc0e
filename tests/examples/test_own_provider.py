"""The example of an own provider runs as it stands, against a provider that speaks as it says."""

import runpy
import socket
import sys

import pytest

from aigw_drivers.conformance.sockets import server

BLOCKS = [b'{"say": "Hel"}', b'{"say": "lo."}', b'{"over": true}']


def test_an_own_provider_with_its_own_framing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    requests: list[bytes] = []

    def acme(sock: socket.socket) -> None:
        request = b""
        while not request.endswith(b'{"say":"Hello"}'):
            request += sock.recv(65536)
        requests.append(request)
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-acme\r\nconnection: close\r\n\r\n"
        body = b"".join(len(block).to_bytes(4, "big") + block for block in BLOCKS)
        sock.sendall(head + body[:7])
        sock.sendall(body[7:])

    with server(acme, patience_s=30) as port:
        monkeypatch.setattr(sys, "argv", ["own_provider", f"http://127.0.0.1:{port}/v7"])
        runpy.run_module("tests.examples.own_provider", run_name="__main__")
    assert capsys.readouterr().out == "Hello.\n"
    (request,) = requests
    assert request.startswith(b"POST /v7/talk HTTP/1.1\r\n")
    assert b"\r\nX-Acme-Key: key-of-acme\r\n" in request
    assert b"\r\nX-Project: weather\r\n" in request
