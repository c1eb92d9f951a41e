"""The shape of a config file: KEY: VALUE at the top, and a defaults list that Hydra understands."""

from __future__ import annotations

import yaml
from yaml.composer import ComposerError

TEXT, NULL = "tag:yaml.org,2002:str", "tag:yaml.org,2002:null"
ITEMS = "an entry of defaults is FILE or GROUP: OPTION"


def check_shape(node: yaml.Node) -> None:
    """Raises yaml.YAMLError, naming file and place, unless this root of a file is what Hydra can compose.

    Hydra's own errors for some of this name no file, and others speak of keys that take something from the file.
    """
    if not isinstance(node, yaml.MappingNode):
        if node.tag != NULL:
            raise _error("a config file has lines of KEY: VALUE", node)
        return
    for key, value in node.value:
        if key.value == "defaults":
            _check_defaults(value)


def _check_defaults(node: yaml.Node) -> None:
    if not isinstance(node, yaml.SequenceNode):
        raise _error(f"defaults must be a list, and {ITEMS}", node)
    for item in node.value:
        if isinstance(item, yaml.MappingNode) and len(item.value) == 1:
            ((group, option),) = item.value
            options = option.value if isinstance(option, yaml.SequenceNode) else [option]
            right = group.tag == TEXT and all(each.tag in (TEXT, NULL) for each in options)
        else:
            right = item.tag == TEXT
        if not right:
            raise _error(ITEMS, item)


def _error(told: str, node: yaml.Node) -> yaml.YAMLError:
    return ComposerError(None, None, told, node.start_mark)
