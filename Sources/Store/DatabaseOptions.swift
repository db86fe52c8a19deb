internal import CRocksDB

/// How a node's one database is set up.
package struct DatabaseOptions: Sendable {
    /// Bytes of block cache, shared by data, index and filter blocks.
    package var blockCacheBytes = 256 << 20
    /// Bytes of one memtable; at most `memtableCount` are held.
    package var memtableBytes = 64 << 20
    package var memtableCount = 3
    package var maxOpenFiles = 1024
    /// Threads for flushes and compactions.
    package var backgroundJobs = 2

    package init() {}
}

/// Joins operands with what is stored under a key.
///
/// - Returns: nil where a value is damaged; reading the key then fails with `StoreError.corruption`.
package typealias MergeFunction =
    @Sendable (_ existing: UnsafeRawBufferPointer?, _ operands: [UnsafeRawBufferPointer]) -> [UInt8]?

/// RocksDB's option objects, destroyed with this one.
final class OptionHandles {
    let database: OpaquePointer
    let write: OpaquePointer
    let read: OpaquePointer
    /// Reads what would survive a crash: data in files, not in memtables.
    let readPersisted: OpaquePointer
    let flush: OpaquePointer
    private let cache: OpaquePointer
    private let environment: OpaquePointer

    /// The fastest: what is stored is made of ids, names and short texts, of which a higher one saves a few per cent.
    private static let zstdLevel: Int32 = 1
    /// Files at level 0 that are compacted together: twice as many as is usual, so that the level below is rewritten half as often.
    private static let filesPerCompaction: Int32 = 8
    /// A store that is not larger has one level behind level 0: what is merged is not written twice.
    private static let firstLevelBytes: UInt64 = 512 << 20

    /// Options that the C interface has no setters for.
    ///
    /// - `avoid_flush_during_shutdown`: closing is then like a crash, and only `flush` makes anything persistent.
    /// - `memtable_insert_with_hint_prefix_extractor`: a key is looked for near the last one of its partition and
    ///   family, where most belong.
    private static let withoutSetters =
        "avoid_flush_during_shutdown=true;memtable_insert_with_hint_prefix_extractor=fixed:3"

    /// - Returns: nil where the library cannot allocate.
    init?(_ options: DatabaseOptions, merge: @escaping MergeFunction) {
        guard let database = rocksdb_options_create(),
            let table = rocksdb_block_based_options_create(),
            let cache = rocksdb_cache_create_lru(options.blockCacheBytes),
            let environment = rocksdb_create_default_env(),
            let write = rocksdb_writeoptions_create(),
            let read = rocksdb_readoptions_create(),
            let readPersisted = rocksdb_readoptions_create(),
            let flush = rocksdb_flushoptions_create()
        else { return nil }

        rocksdb_block_based_options_set_block_cache(table, cache)
        rocksdb_block_based_options_set_cache_index_and_filter_blocks(table, 1)
        rocksdb_block_based_options_set_pin_l0_filter_and_index_blocks_in_cache(table, 1)
        // In parts: the filter of a file of millions of small keys is larger than one of the cache's shards, would never
        // be kept, and be read for every key that is asked for.
        rocksdb_block_based_options_set_index_type(
            table,
            Int32(rocksdb_block_based_table_index_type_two_level_index_search)
        )
        rocksdb_block_based_options_set_partition_filters(table, 1)
        rocksdb_block_based_options_set_metadata_block_size(table, 16 << 10)
        rocksdb_block_based_options_set_pin_top_level_index_and_filter(table, 1)
        rocksdb_block_based_options_set_filter_policy(table, rocksdb_filterpolicy_create_ribbon(10))
        rocksdb_block_based_options_set_format_version(table, 5)
        rocksdb_options_set_block_based_table_factory(database, table)
        rocksdb_block_based_options_destroy(table)

        // Flushes and compactions give way to requests where they compete for a processor.
        rocksdb_env_lower_thread_pool_cpu_priority(environment)
        rocksdb_env_lower_high_priority_thread_pool_cpu_priority(environment)
        rocksdb_options_set_env(database, environment)

        rocksdb_options_set_create_if_missing(database, 1)
        rocksdb_options_set_paranoid_checks(database, 1)
        rocksdb_options_set_write_buffer_size(database, options.memtableBytes)
        // Most keys that are asked for and are not there are in no memtable either.
        rocksdb_options_set_memtable_prefix_bloom_size_ratio(database, 0.1)
        rocksdb_options_set_memtable_whole_key_filtering(database, 1)
        rocksdb_options_set_max_write_buffer_number(database, Int32(options.memtableCount))
        rocksdb_options_set_max_open_files(database, Int32(options.maxOpenFiles))
        rocksdb_options_set_max_background_jobs(database, Int32(options.backgroundJobs))
        rocksdb_options_set_level_compaction_dynamic_level_bytes(database, 1)
        // Written out as they grow: a file system that orders data before metadata would make the log's next sync wait
        // for a whole table.
        rocksdb_options_set_bytes_per_sync(database, 512 << 10)
        rocksdb_options_set_compression(database, Int32(rocksdb_lz4_compression))
        rocksdb_options_set_bottommost_compression(database, Int32(rocksdb_zstd_compression))
        rocksdb_options_set_bottommost_compression_options(database, -14, OptionHandles.zstdLevel, 0, 0, 1)
        rocksdb_options_set_level0_file_num_compaction_trigger(database, OptionHandles.filesPerCompaction)
        rocksdb_options_set_max_bytes_for_level_base(database, OptionHandles.firstLevelBytes)
        rocksdb_options_set_keep_log_file_num(database, 2)
        rocksdb_options_set_info_log_level(database, 2)
        rocksdb_options_set_merge_operator(database, makeMergeOperator(merge))

        var message: UnsafeMutablePointer<CChar>?
        rocksdb_get_options_from_string(database, OptionHandles.withoutSetters, database, &message)
        if let message {
            rocksdb_free(message)
            return nil
        }

        rocksdb_writeoptions_disable_WAL(write, 1)
        rocksdb_readoptions_set_read_tier(readPersisted, 2)
        rocksdb_flushoptions_set_wait(flush, 1)

        self.database = database
        self.write = write
        self.read = read
        self.readPersisted = readPersisted
        self.flush = flush
        self.cache = cache
        self.environment = environment
    }

    deinit {
        rocksdb_flushoptions_destroy(flush)
        rocksdb_readoptions_destroy(readPersisted)
        rocksdb_readoptions_destroy(read)
        rocksdb_writeoptions_destroy(write)
        rocksdb_options_destroy(database)
        rocksdb_cache_destroy(cache)
        rocksdb_env_destroy(environment)
    }
}
