# SPDX-License-Identifier: MIT
# The peers in bench_spill.
find_package(leveldb REQUIRED)
find_package(RocksDB REQUIRED)
find_library(GANTRY_LMDB lmdb REQUIRED)
mark_as_advanced(GANTRY_LMDB)
target_link_libraries(bench_spill PRIVATE leveldb::leveldb RocksDB::rocksdb-shared ${GANTRY_LMDB})
