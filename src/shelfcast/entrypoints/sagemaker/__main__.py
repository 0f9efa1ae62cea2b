"""`python -m shelfcast.entrypoints.sagemaker train | serve | step '<json>'`, as SageMaker calls a container."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

from shelfcast.domain.errors import ShelfcastError


def main(arguments: list[str]) -> int:
    match arguments:
        case ["train", *rest]:
            from shelfcast.entrypoints.sagemaker.train import ROOT, train

            return train(Path(rest[0]) if rest else ROOT)
        case ["serve", *rest]:
            from shelfcast.entrypoints.sagemaker import serve

            signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # how SageMaker ends an endpoint
            try:
                serve.serve(Path(rest[0]) if rest else serve.ROOT)
            except ShelfcastError as error:
                print(error, file=sys.stderr)
                return 1
            return 0
        case ["step", call]:
            from shelfcast.entrypoints.aws_lake import run_step

            print(json.dumps(run_step(json.loads(call))))
            return 0
    print("usage: train | serve | step '{\"step\": NAME, ...}'", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
