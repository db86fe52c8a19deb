#ifndef ROOKERY_CROCKSDB_SHIM_H
#define ROOKERY_CROCKSDB_SHIM_H

#include <rocksdb/c.h>

#endif
