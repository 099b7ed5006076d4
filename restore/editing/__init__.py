"""Editing: an image changed by words, through its noise and back (iCD, arXiv 2406.14539).

Networks are Stable Diffusion's with published adapters. `networks` needs the extra
`bcm-restore[edit]` once one is built; the rest works on any function that sees noise in an image.
"""
