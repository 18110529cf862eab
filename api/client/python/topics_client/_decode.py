"""Makes typed objects of JSON. Whatever does not fit is an UnexpectedAnswer."""

from __future__ import annotations

import dataclasses
import json
from typing import Any, Dict, List, Tuple, Type, TypeVar, Union, get_args, get_origin, get_type_hints

from .errors import UnexpectedAnswer

T = TypeVar("T")


def parse(body: bytes) -> Dict[str, Any]:
    """Returns a JSON object."""
    try:
        value = json.loads(body)
    except ValueError as error:
        raise UnexpectedAnswer(f"answer is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise UnexpectedAnswer("answer is not a JSON object")
    return value


# By class, of each field its name, its type, and if it is required.
_known: Dict[Any, List[Tuple[str, Any, bool]]] = {}


def _fields(kind: Any) -> List[Tuple[str, Any, bool]]:
    if kind not in _known:
        hints = get_type_hints(kind)
        _known[kind] = [
            (f.name, hints[f.name], f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING)
            for f in dataclasses.fields(kind)
        ]
    return _known[kind]


def decode(kind: Type[T], value: Any) -> T:
    """Returns a JSON value as an object of a dataclass. The names of fields that the
    server gives may have a $ on the wire."""
    if not isinstance(value, dict):
        raise UnexpectedAnswer(f"{kind.__name__} is not an object")
    attributes: Dict[str, Any] = {}
    for name, hint, required in _fields(kind):
        wire = name if name in value else "$" + name
        if wire in value:
            attributes[name] = _value(hint, value[wire], wire)
        elif required:
            raise UnexpectedAnswer(f"{kind.__name__} has no {name}")
    return kind(**attributes)


def _value(hint: Any, value: Any, name: str) -> Any:
    if hint is Any:
        return value
    origin, args = get_origin(hint), get_args(hint)
    if origin is Union:  # Optional
        return None if value is None else _value(args[0], value, name)
    if dataclasses.is_dataclass(hint):
        return decode(hint, value)  # type: ignore[arg-type]
    if origin is list and isinstance(value, list):
        return [_value(args[0], v, name) for v in value]
    if origin is dict and isinstance(value, dict):
        key, of = args
        try:
            return {key(k): _value(of, v, name) for k, v in value.items()}
        except ValueError as error:
            raise UnexpectedAnswer(f"{name} has a key that is no seq") from error
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is hint:
        return value
    raise UnexpectedAnswer(f"{name} is of another type than expected")
