"""A centre's own table: read with every error named by its row, and analysed by the field's rules."""
