"""Command lines as Go's flag package reads them: `-flag` is `--flag`, and a bool needs `=` for its value."""

import re
from collections.abc import Iterator

import click


class GoCommand(click.Command):
    """A command without arguments whose flags are given as to a program in Go."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the flags, in the form that click takes."""
        return super().parse_args(ctx, list(self._in_the_form_of_click(ctx, iter(args))))

    def _in_the_form_of_click(self, ctx: click.Context, args: Iterator[str]) -> Iterator[str]:
        options = {name.lstrip("-"): param for param in self.get_params(ctx) for name in param.opts}
        for arg in args:
            name, has_value, value = re.sub("^--?", "", arg).partition("=")
            if not arg.startswith("-") or not name:
                hint = " (the value of a bool follows a =)" if arg in ("true", "false") else ""
                raise click.UsageError(f"unexpected argument {arg!r}{hint}", ctx)
            option = options.get(name)
            if option is None:
                raise click.UsageError(f"flag provided but not defined: -{name}", ctx)
            if isinstance(option, click.Option) and option.is_flag:
                yield "--help"
            elif has_value or option.type is click.BOOL:
                yield f"--{name}={value if has_value else 'true'}"
            else:
                yield f"--{name}={_next(args, name, ctx)}"


def _next(args: Iterator[str], name: str, ctx: click.Context) -> str:
    for value in args:
        return value
    raise click.UsageError(f"flag needs an argument: -{name}", ctx)
