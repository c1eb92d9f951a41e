"""One file per figure, each with `draw(contents, folder) → files`; an empty list if there is nothing to draw."""
