"""There and back: what a picture loses on its way up to a noise level and down again.

    python examples/journeys.py                       # the embedded network over Public 13
    python examples/journeys.py --refine 2            # with two corrections of each latent
    python examples/journeys.py --model imagenet64.safetensors --label 207 --side 64

Mean PSNR in dB of the pictures that come back, by the network evaluations each way and the level
that they went up to. Prints a table in Markdown.
"""

import argparse

from public13 import public13

import restore

LEVELS = (1.0, 15.0, 80.0)
NFES = (1, 2, 4, 8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="default")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--label", type=int)
    parser.add_argument("--start", type=float, default=0.07)
    parser.add_argument("--refine", type=int, default=0)
    parser.add_argument("--side", type=int, default=256, help="of the central crop, in pixels")
    options = parser.parse_args()
    model = restore.load(options.model, device=options.device)
    pictures = public13()
    print(f"| level | {' | '.join(f'NFE {nfe}' for nfe in NFES)} |")
    print(f"| --- |{' --- |' * len(NFES)}")
    for level in LEVELS:
        figures = []
        for nfe in NFES:
            total = 0.0
            for pixels in pictures.values():
                top, left = (max(side - options.side, 0) // 2 for side in pixels.shape[:2])
                found = restore.invert(
                    pixels[top : top + options.side, left : left + options.side],
                    model=model,
                    nfe=nfe,
                    level=level,
                    start=options.start,
                    refine=options.refine,
                    label=options.label,
                )
                total += found.report["metrics"]["round_trip_psnr_db"]
            figures.append(f"{total / len(pictures):.2f}")
        print(f"| {level:g} | {' | '.join(figures)} |", flush=True)


if __name__ == "__main__":
    main()
