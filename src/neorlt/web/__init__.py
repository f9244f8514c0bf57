"""The tumour board's page: ``neorlt serve``. On loopback unless told otherwise."""
