"How a page is written that no notebook makes."


def page(path, title, description, body):
    path.write_text(
        f'---\ntitle: "{title}"\ndescription: "{description}"\n---\n\n{body}\n', encoding="utf-8"
    )


def raw(html):
    "HTML that the renderer must leave alone."
    return f"```{{=html}}\n{html}\n```\n"
