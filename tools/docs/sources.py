"How the source of a page is written."

import json


def page(path, title, description, body):
    path.write_text(
        f'---\ntitle: "{title}"\ndescription: "{description}"\n---\n\n{body}\n', encoding="utf-8"
    )


def raw(html):
    "HTML that the renderer must leave alone."
    return f"```{{=html}}\n{html}\n```\n"


def lines(source):
    """A cell's source as notebooks hold it: a list of lines, each with its end.

    The format allows one text too, but Quarto joins what it finds there without ends of lines.
    """
    return "".join(source).splitlines(keepends=True)


def write_notebook(file, notebook):
    "Write a notebook that renderers read, and nbformat finds valid."
    for cell in notebook["cells"]:
        cell["source"] = lines(cell["source"])
        if cell["cell_type"] == "code":
            cell.setdefault("execution_count", None)
            cell.setdefault("outputs", [])
    file.write_text(json.dumps(notebook, indent=1), encoding="utf-8")
