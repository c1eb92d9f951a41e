"""One file per figure, each with `draw(contents, folder) → files`; an empty list where there is nothing to draw."""
