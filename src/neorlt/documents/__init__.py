"""What is written down and read back: patient, scheme, plan. The ground floor: imports only core."""
