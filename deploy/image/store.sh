# Sourced by scripts that build without an engine: a store of buildah's of its own in build/image, so
# that nothing of the machine's is touched and 'make clean' removes it all.
work=$PWD/build/image
mkdir -p "$work"
export CONTAINERS_STORAGE_CONF=$work/storage.conf
# vfs works on every file system.
cat >"$CONTAINERS_STORAGE_CONF" <<CONF
[storage]
driver = "vfs"
graphroot = "$work/store"
runroot = "$work/run"
CONF
