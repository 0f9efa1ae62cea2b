"""SageMaker's container contract: `train` and `serve`, and a step for processing jobs."""
