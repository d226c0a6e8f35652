#!/usr/bin/python3
"""Reads YAML on standard input, writes it as JSON."""
import json
import sys

import yaml


def main() -> int:
    try:
        document = yaml.safe_load(sys.stdin)
    except yaml.YAMLError as error:
        print(f"yaml2json: {error}", file=sys.stderr)
        return 1
    json.dump(document, sys.stdout, indent=2, default=str)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
