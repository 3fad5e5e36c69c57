"""The decoder's process: what strangers send as pictures, made pixels behind walls."""
