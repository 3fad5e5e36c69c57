"""The domain types that server, client, zoo and training share. Imports numpy and nothing else."""
