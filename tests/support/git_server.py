#!/usr/bin/python3
"""Serves the files below DIRECTORY over HTTP on a free port of the loopback, which it writes to a file. Below /git/ its
repositories are served by `git http-backend`: by version 0 of the protocol, in which a server gives out no commit that
no name leads to.

usage: git_server.py DIRECTORY PORT-FILE
"""

import http.server
import os
import subprocess
import sys


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass

    def do_GET(self):
        if self.path.startswith("/git/"):
            self.answer(b"")
        else:
            super().do_GET()

    def do_POST(self):
        self.answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def answer(self, body):
        path, _, query = self.path.removeprefix("/git").partition("?")
        environment = {"PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": self.directory, "GIT_HTTP_EXPORT_ALL": "1",
                       "PATH_INFO": path, "QUERY_STRING": query, "REQUEST_METHOD": self.command,
                       "CONTENT_TYPE": self.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(body)),
                       "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                       "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}
        output = subprocess.run(["git", "http-backend"], input=body, env=environment, stdout=subprocess.PIPE,
                                check=False).stdout
        head, _, content = output.partition(b"\r\n\r\n")
        headers = [line.split(": ", 1) for line in head.decode().split("\r\n") if line]
        status = next((value for name, value in headers if name == "Status"), "200 OK")
        self.send_response(int(status.split()[0]))
        for name, value in headers:
            if name != "Status":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def main():
    directory, port_file = sys.argv[1:]
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), lambda *a: Handler(*a, directory=directory))
    with open(port_file, "w", encoding="ascii") as file:
        file.write(str(server.server_port))
    print("ready", flush=True)
    server.serve_forever()


main()
