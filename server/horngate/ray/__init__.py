"""Horngate on a Ray cluster (extra `ray`): `serve run horngate.ray.application:application models=/models`.

settings      what `serve run` and a Serve config file may set
application   the one application: fronts and replicas, and how many of each
front         takes gRPC calls, sends each to a replica, and again to another if that one is lost
replica       a whole `horngate serve` beside each actor of Ray Serve's, with the models that were asked of it
local_server  that server's process, which ends with the actor
models        which of the operator's models a replica has
begun         the sequences that a front has seen begin
calls         what a call is about, and what came of it
routing       the same sequence to the same replica, anything else to one that is free
"""
