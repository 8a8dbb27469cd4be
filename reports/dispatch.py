"""From the options of a command line to the call of a command, each imported when it is asked for.

Read next: `reports.arguments`.
"""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from reports.commands.failure import Failure


def list_(options: Namespace) -> int:
    """Architectures and networks."""
    from reports.commands.listing import list_architectures

    return list_architectures(as_json=options.json)


def index(options: Namespace) -> int:
    """A page of everything."""
    from reports.commands.index import write_index

    return write_index(out=options.out, force=options.force, as_json=options.json)


def show(options: Namespace) -> int:
    """Equations forward and backward."""
    from reports.commands.show import show

    return show(options.systems, as_json=options.json, strict=options.strict)


def count(options: Namespace) -> int:
    """Parameters."""
    from reports.commands.count import count

    return count(options.systems, sizes=options.sizes, as_json=options.json, strict=options.strict)


def stability(options: Namespace) -> int:
    """Vanishing and exploding gradients."""
    if options.claims:
        from reports.commands.claims import stability_claims

        return stability_claims(as_json=options.json)
    from reports.commands.stability import stability

    return stability(
        options.system or "",
        sizes=options.sizes,
        steps=options.steps,
        scale=options.scale,
        seed=options.seed,
        as_json=options.json,
        strict=options.strict,
    )


def chain(options: Namespace) -> int:
    """The chain rule, written out."""
    from reports.commands.chain import chain_of

    return chain_of(
        options.system,
        of=options.of,
        steps=options.steps,
        at=options.at,
        sizes=options.sizes,
        limit=options.limit,
        as_json=options.json,
        strict=options.strict,
    )


def notes(options: Namespace) -> int:
    """What lecture notes say."""
    from reports.commands.claims import notes

    return notes(options.names, as_json=options.json)


def verify(options: Namespace) -> int:
    """The gradient against independent methods."""
    if options.certificate:
        from reports.commands.recheck import recheck

        if options.systems or options.out or options.force:
            raise Failure("verify --certificate FILE takes no SYSTEM and writes no file")
        return recheck(options.certificate, as_json=options.json)
    if not options.systems:
        raise Failure("verify takes a SYSTEM, or --certificate FILE; see bptt verify --help")
    if options.out:
        from reports.commands.recheck import certify

        return certify(
            options.systems, out=options.out, force=options.force, as_json=options.json, strict=options.strict
        )
    _needs_a_file(options, "verify")
    from reports.commands.verify import verify

    return verify(options.systems, as_json=options.json, strict=options.strict)


def report(options: Namespace) -> int:
    """The derivation as files."""
    from reports.commands.report import Options, report

    given = Options(
        out=options.out,
        pdf=options.pdf,
        notation=options.notation,
        cotangent=options.cotangent,
        detail=options.detail,
        sizes=options.sizes,
        example=options.example,
        blank="" if options.exercise and options.blank is None else options.blank,
        path=options.path,
        fragment=options.fragment,
        force=options.force,
    )
    if options.compare:
        from reports.commands.compare import compare

        return compare(options.systems, given, as_json=options.json, strict=options.strict)
    return report(options.systems, given, as_json=options.json, strict=options.strict)


def check(options: Namespace) -> int:
    """A hand-written gradient."""
    from reports.commands.check import Options, check, show_template

    if bool(options.template) == bool(options.target):
        raise Failure("check takes a file, or --template CELL; see bptt check --help")
    if options.template:
        return show_template(options.template)
    given = Options(
        cell=options.cell,
        loss=options.loss,
        convention=options.convention,
        maps=options.map,
        allowed=options.allow,
        forward=options.forward,
        adapter=options.adapter,
        timeout=options.timeout,
        seed=options.seed,
        shown=options.show_output,
        budget=options.budget,
    )
    return check(options.target, given, as_json=options.json)


def encode(options: Namespace) -> int:
    """Sentences as numbers."""
    from reports.commands.encode import encode

    return encode(options.sentences, encoding=options.encoding, as_json=options.json)


def code(options: Namespace) -> int:
    """One file that computes it."""
    from reports.commands.code import code

    _needs_a_file(options, "code")
    return code(
        options.system,
        target=options.target,
        out=options.out,
        force=options.force,
        as_json=options.json,
        strict=options.strict,
    )


def weights(options: Namespace) -> int:
    """Weights of a framework."""
    from reports.commands.weights import weights

    _needs_a_file(options, "weights")
    return weights(
        options.file,
        source=options.source,
        to=options.to,
        out=options.out,
        prefix=options.prefix,
        cell=options.cell,
        force=options.force,
        as_json=options.json,
    )


def bench(options: Namespace) -> int:
    """Speed beside peers."""
    from reports.commands.bench import Options, bench

    known = {name: getattr(options, name) for name in Options.__dataclass_fields__}
    return bench(options.systems, Options(**known), as_json=options.json, strict=options.strict)


def demo_language_model(options: Namespace) -> int:
    """A model of English."""
    from reports.commands.demo_language_model import language_model

    return language_model(
        _chosen(options, "hidden", "steps", "seconds", "seed", "optimiser"),
        cell=options.cell,
        temperature=options.temperature,
        text=options.text,
        out=options.out,
        force=options.force,
        as_json=options.json,
    )


def demo_ner(options: Namespace) -> int:
    """Names of people and places."""
    from reports.commands.demo_ner import ner

    return ner(_chosen(options, "hidden", "steps", "seed"), as_json=options.json)


def demo_copy(options: Namespace) -> int:
    """Sequences copied."""
    from reports.commands.demo_copy import copy

    return copy(_chosen(options, "hidden", "longest", "steps", "seed"), as_json=options.json)


def _needs_a_file(options: Namespace, command: str) -> None:
    if options.force and not options.out:
        raise Failure(f"{command} --force overwrites the file of -o FILE; there is none")


def _chosen(options: Namespace, *names: str) -> dict[str, Any]:
    """The options that were given, by name; those that have no default keep the experiment's."""
    return {name: value for name in names if (value := getattr(options, name)) is not None}
