#!lua flags=no-writes
-- Read the log of distinct hashes from one row to the end of its segment, and what proves that it is still the same log.
--
-- KEYS[1]  hashes:<segment>  string  the segment to read, 8 bytes a row
-- KEYS[2]  hashes:seals      hash    segment -> SHA-1
-- KEYS[3]  counters          hash    rows in the log
-- KEYS[4]  archive           hash    uuid
-- ARGV[1]  offset of the first byte to read
-- ARGV[2]  number of the segment before
-- Returns rows in the log, seal of the segment before, uuid, bytes.
return {
  redis.call('HGET', KEYS[3], 'rows'),
  redis.call('HGET', KEYS[2], ARGV[2]),
  redis.call('HGET', KEYS[4], 'uuid'),
  redis.call('GETRANGE', KEYS[1], ARGV[1], -1),
}
