"""recipes/schema.json and the reader of recipes agree: the schema takes every good recipe and every example, and
refuses every bad one, except those whose fault a schema cannot see. These are named below, each with its reason."""
import json
import pathlib
import sys
import unittest

import jsonschema
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
UNIT = ROOT / "tests" / "unit" / "recipes"

NOT_YAML = "not YAML, or YAML that the reader's document layer refuses"
ARGUMENTS = "whether an argument is declared and has a value"
CYCLE = "what a name refers to"
GRAMMAR = "a grammar that is too rich for a pattern"
PATHS = "where a path with '..' leads"
DIGITS = "the text of a number, which YAML has turned into a value"
INVISIBLE = {
    "alias_of_itself": NOT_YAML,
    "argument_undeclared": ARGUMENTS,
    "argument_unset": ARGUMENTS,
    "argument_unset_in_script": ARGUMENTS,
    "argument_used_before_it_is_set": ARGUMENTS,
    "colon_in_plain_text": NOT_YAML,
    "copy_above_the_context": PATHS,
    "copy_mode_decimal": DIGITS,
    "copy_mode_not_octal": DIGITS,
    "copy_mode_too_big": GRAMMAR,
    "cycle_of_one": CYCLE,
    "cycle_of_three": CYCLE,
    "cycle_of_two": CYCLE,
    "duplicate_key": NOT_YAML,
    "duplicate_key_quoted": NOT_YAML,
    "duplicate_merge_key": NOT_YAML,
    "duplicate_stage": NOT_YAML,
    "expansion_of_shell_variable_in_list": ARGUMENTS,
    "expansion_open": ARGUMENTS,
    "expansion_operator": ARGUMENTS,
    "from_image_grammar": GRAMMAR,
    "indentation": NOT_YAML,
    "indentation_of_key": NOT_YAML,
    "key_is_a_list": NOT_YAML,
    "long_line": ARGUMENTS,
    "merge_of_a_text": NOT_YAML,
    "mount_on_the_root": PATHS,
    "mount_source_above_the_context": PATHS,
    "name_grammar": GRAMMAR,
    "name_with_digest": GRAMMAR,
    "nul_character": NOT_YAML,
    "oci_above_the_context": PATHS,
    "open_bracket": NOT_YAML,
    "open_quote": NOT_YAML,
    "open_quote_many_lines": NOT_YAML,
    "platform": GRAMMAR,
    "reserved_character": NOT_YAML,
    "stop_signal": GRAMMAR,
    "stray_bracket": NOT_YAML,
    "tag": NOT_YAML,
    "two_documents": NOT_YAML,
    "unknown_alias": NOT_YAML,
    "unknown_escape": NOT_YAML,
    "wide_characters": ARGUMENTS,
    "write_expand_unknown": ARGUMENTS,
}


class Loader(yaml.SafeLoader):
    """YAML 1.2's core schema, as editors read recipes: `yes` is a text, `0644` is 644, `0o644` is octal."""

    yaml_implicit_resolvers = {}


def resolver(tag, pattern, first):
    Loader.add_implicit_resolver("tag:yaml.org,2002:" + tag, yaml.reader.re.compile(pattern), list(first))


resolver("null", r"^(~|null|Null|NULL|)$", ["~", "n", "N", ""])
resolver("bool", r"^(true|True|TRUE|false|False|FALSE)$", "tTfF")
resolver("int", r"^([-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$", "-+0123456789")
resolver("float", r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$", "-+.0123456789")
resolver("merge", r"^<<$", "<")


def construct_int(loader, node):
    text = loader.construct_scalar(node)
    return int(text, 8 if text.startswith("0o") else 16 if text.startswith("0x") else 10)


Loader.add_constructor("tag:yaml.org,2002:int", construct_int)

VALIDATOR = jsonschema.Draft7Validator(json.loads((ROOT / "recipes" / "schema.json").read_text()))


def problems(path):
    document = yaml.load(path.read_text(), Loader)
    return [error.message for error in VALIDATOR.iter_errors(document)]


class Schema(unittest.TestCase):
    def test_is_a_schema(self):
        jsonschema.Draft7Validator.check_schema(VALIDATOR.schema)

    def test_everything_has_a_description(self):
        """Editors show it: every key of the recipe, of a stage, a step and `config`, itself or where it refers to."""
        definitions = VALIDATOR.schema["definitions"]

        def described(value):
            name = value.get("$ref", "").rpartition("/")[2]
            return "description" in value or (name and "description" in definitions[name])

        for name, value in [*VALIDATOR.schema["properties"].items(), *definitions["step"]["properties"].items()]:
            self.assertTrue(described(value), name)

    def test_good_recipes_and_examples(self):
        good = sorted([*UNIT.glob("good/*.yaml"), *(ROOT / "recipes" / "examples").glob("*.yaml")])
        self.assertGreaterEqual(len(good), 15)
        for path in good:
            with self.subTest(path.name):
                self.assertEqual(problems(path), [])

    def test_bad_recipes(self):
        bad = sorted(UNIT.glob("bad/*.yaml"))
        self.assertGreaterEqual(len(bad), 100)
        for path in bad:
            if path.stem in INVISIBLE:
                continue
            with self.subTest(path.name):
                self.assertNotEqual(problems(path), [], "the schema takes it")

    def test_invisible_faults_are_invisible(self):
        """A name in the list that the schema does refuse, or that is gone, is a lie."""
        for stem, reason in sorted(INVISIBLE.items()):
            with self.subTest(stem):
                path = UNIT / "bad" / (stem + ".yaml")
                self.assertTrue(path.exists(), "no such recipe")
                if reason != NOT_YAML:
                    self.assertEqual(problems(path), [])


if __name__ == "__main__":
    sys.exit(unittest.main())
