"""The build contexts that are timed, one directory each. All tools get the same Containerfile.

@SMALL@ and @LARGE@ in a Containerfile are the base images; @N@ is a word that is new where a build is to be cold.
"""

import hashlib
import os

WRITE_20K = ("mkdir x && cd x && d=0; while [ $d -lt 200 ]; do mkdir p$d; i=0; while [ $i -lt 100 ]; do "
             "printf '%0900d' 1$i$d > p$d/$i.js; i=$((i+1)); done; d=$((d+1)); done")
WRITE_1G = "head -c 1073741824 /dev/urandom > big"


def twenty_steps(base):
    return (f"FROM @{base}@\nENV NONCE=@N@\n"
            + "".join(f"RUN echo {i} >> /usr/share/bench-{i}\n" for i in range(20)))


CONTAINERFILES = {
    # ten steps of all kinds
    "c10": "FROM @SMALL@\nENV NONCE=@N@ APP=/app\nRUN mkdir -p /app && echo one > /app/one\n"
           "COPY a.conf /app/a.conf\nRUN cat /app/a.conf > /app/two\nCOPY src /app/src\n"
           "RUN ls -R /app > /app/list\nENV MODE=prod\nWORKDIR /app\nRUN sh -c 'sha256sum src/* > sums'\n"
           "RUN useradd -M worker\n",
    "d20": twenty_steps("LARGE"),
    "d20m": twenty_steps("SMALL"),
    "e20k": f"FROM @SMALL@\nENV NONCE=@N@\nRUN mkdir /nm && cd /nm && {WRITE_20K}\n",
    "e1g": f"FROM @SMALL@\nENV NONCE=@N@\nRUN cd / && {WRITE_1G}\n",
    "h2": "FROM @SMALL@ AS a\nENV NONCE=@N@\nRUN sleep 3 && echo a > /a\n"
          "FROM @SMALL@ AS b\nENV NONCE=@N@\nRUN sleep 3 && echo b > /b\n"
          "FROM @SMALL@\nCOPY --from=a /a /a\nCOPY --from=b /b /b\n",
    "i20k": "FROM @SMALL@\nENV NONCE=@N@\nCOPY tree /srv/tree\n",
}


def make_contexts(directory):
    """All contexts, when they are not there yet. An interrupted try leaves no mark and is done again."""
    mark = os.path.join(directory, "made")
    if os.path.exists(mark):
        return
    for name, text in CONTAINERFILES.items():
        write(os.path.join(directory, name, "Containerfile.in"), text)
        write(os.path.join(directory, name, ".dockerignore"), "Containerfile*\n.dockerignore\n")
    write(os.path.join(directory, "c10", "a.conf"), "hello\n")
    for i in range(1, 31):
        write(os.path.join(directory, "c10", "src", f"f{i}.txt"), "".join(f"{n}\n" for n in range(50 * i)))
    make_tree(os.path.join(directory, "i20k", "tree"), 200, 100)
    write(mark, "")


def make_tree(directory, directories, files):
    """Small files of about 900 bytes, each another."""
    for d in range(directories):
        path = os.path.join(directory, f"pkg{d}", "lib")
        os.makedirs(path, exist_ok=True)
        for i in range(files):
            with open(os.path.join(path, f"f{i}.js"), "w", encoding="ascii") as file:
                file.write((hashlib.sha256(f"{d}-{i}".encode()).hexdigest() + "\n") * 14)


def set_nonce(context, nonce, small, large):
    """Writes the Containerfile. What COPY takes gets the word too: ENV alone changes nothing that a COPY depends on."""
    with open(os.path.join(context, "Containerfile.in"), encoding="utf-8") as file:
        text = file.read()
    write(os.path.join(context, "Containerfile"),
          text.replace("@N@", nonce).replace("@SMALL@", small).replace("@LARGE@", large))
    if os.path.isdir(os.path.join(context, "tree")):
        write(os.path.join(context, "tree", "nonce"), nonce)


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path
