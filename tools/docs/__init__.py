"How the site is built and checked: `python tools/docs`."
