"""The part of random programs that is about modules.

Mixed into program.Program. A module is a program of its own, made from a seed that follows from the program's;
what it declares once at its top level, by a plain declaration, it may export. Whoever uses it names what it
exports behind the module's name, or by an alias that is nowhere else, and never assigns to it.
"""
import re

DECLARATION = re.compile(r"(let|const|action|function|async action|async function|data) (\w+)(?:\((.*?)\))?(?=[ :{=(])")


class Export:
    def __init__(self, text, word, arity):
        self.text, self.word, self.arity = text, word, arity


def exports_of(lines, chance):
    """Puts `export` before declarations of the top level; what is exported."""
    found = [DECLARATION.match(line) for line in lines]
    names = [match.group(2) for match in found if match]
    exports = []
    for i, match in enumerate(found):
        if not match or names.count(match.group(2)) != 1 or not chance(0.6):
            continue
        word, name, params = match.groups()
        arity = None if params is None else len([p for p in params.split(",") if p.strip()])
        exports.append(Export(name, word.split()[-1], arity))
        lines[i] = "export " + lines[i]
    return exports


class ModuleParts:
    def make_modules(self, seed):
        """Gives this program one or two modules, the second of which may use the first."""
        self.modules = []  # (file name, module name, exports, text)
        self.imported = []
        for number in range(1, self.random.randint(1, 2) + 1):
            module = type(self)(seed * 7 + number, has_modules=False)
            module.limit = min(module.limit, 15)
            module.modules = list(self.modules)
            text = module.text()
            lines = text.splitlines()
            exports = exports_of(lines, self.chance)
            self.modules.append((f"mod{number}.zx", f"mod{number}", exports, "\n".join(lines) + "\n"))

    def use_modules(self):
        """The lines that use the modules, some of them or all."""
        for file, name, exports, _ in self.modules:
            if self.chance(0.2):
                continue
            if self.chance(0.6):
                self.emit(f'use "./{file}" as {name}')
                self.imported += [Export(f"{name}.{e.text}", e.word, e.arity) for e in exports]
            chosen = self.random.sample(exports, min(len(exports), 3))
            if chosen and self.chance(0.6):
                aliases = [f"{name}_{e.text}" for e in chosen]
                listed = ", ".join(f"{e.text} as {alias}" for e, alias in zip(chosen, aliases))
                self.emit(f'use {{ {listed} }} from "./{file}"')
                self.imported += [Export(alias, e.word, e.arity) for e, alias in zip(chosen, aliases)]

    def of_module(self):
        """An expression of what was imported."""
        export = self.pick(self.imported)
        if export.word == "data":
            return f"{export.text}({', '.join(self.literal('int') for _ in range(self.random.randint(0, 2)))})"
        if export.arity is None or self.chance(0.1):
            return export.text
        arity = export.arity + (1 if self.chance(self.oddness) else 0)
        return f"{export.text}({', '.join(self.literal('int') for _ in range(arity))})"

    def leaf(self, kind):
        if self.imported and self.chance(0.08):
            return self.of_module()
        return super().leaf(kind)

    def with_modules(self, text):
        """The program's file, and behind it those of its modules."""
        return text + "".join(f"//// {file}\n{body}" for file, _, _, body in self.modules)
