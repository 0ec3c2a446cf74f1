"""Look at search spaces, operations and nets: tables and pictures, without data and without training."""
