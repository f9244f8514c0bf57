"""What everybody needs: errors with remedies, draws and seeds, checked tables, citations, labels, manifests, output."""
