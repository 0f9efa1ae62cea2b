"""Lambda functions: each reads its event, calls one use case, answers as its service wants it."""
