#!/bin/sh
# SageMaker says `train` or `serve`, Lambda names a handler, Fargate and SageMaker Processing give a whole command.
set -eu
[ -d "${NUMBA_CACHE_DIR:-/tmp/numba}" ] || cp -R /opt/shelfcast/numba "${NUMBA_CACHE_DIR:-/tmp/numba}" 2>/dev/null || mkdir -p "${NUMBA_CACHE_DIR:-/tmp/numba}"
case "${1:-}" in
  train|serve) exec python -m shelfcast.entrypoints.sagemaker "$1" ;;
  *.handler)   exec python -m awslambdaric "$1" ;;
  "")          echo "say train, serve, a handler (shelfcast.entrypoints.lambdas.step.handler) or a command" >&2; exit 2 ;;
  *)           exec "$@" ;;
esac
