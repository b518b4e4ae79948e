"""The tasks that `fastopt train` trains."""
