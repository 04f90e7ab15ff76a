-- Stands before every script of this folder.
--
-- KEYS[1]  {archive}:archive  hash    facts of the archive; its prefix gives the names of all other keys
-- ARGV[1]  uuid of the archive that the caller started with: another one, or none, is answered NOARCHIVE
--
-- All keys of an archive live in one slot, so names that are only found on the way are built from the prefix.
local GROUP = 'workers'
local prefix = string.sub(KEYS[1], 1, -8)

if redis.call('HGET', KEYS[1], 'uuid') ~= ARGV[1] then
  return {'NOARCHIVE'}
end

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- The fence: is this entry pending for exactly this consumer, with exactly this delivery number?
local function owns(stream, entry, consumer, delivery)
  local row = redis.pcall('XPENDING', stream, GROUP, entry, entry, 1)
  return not row.err and row[1] ~= nil and row[1][2] == consumer and row[1][4] == tonumber(delivery)
end

-- Record header, big-endian: flags u8, phash 8 bytes, seen_at u48 ms, horizon u32, rank u32, first u32, previous u32;
-- then what the worker packed (worker/records.py): sha256 32 bytes, width u32, height u32, format u8, scraped_at u48,
-- and strings with a length u16 before each: url, id, source, page_url, meta; empty ones at the end are left out.
local HEADER = '>Bc8I6I4I4I4I4'
local URL_AT = 79
local DONE = 1

local function image_key(number)
  return prefix .. 'image:' .. string.format('%d', math.floor(number / 128))
end

local function read_record(number)
  return redis.call('HGET', image_key(number), string.format('%d', number))
end

local function is_done(record)
  return string.byte(record, 1) % 2 == DONE
end

local function hex(phash)
  return (string.gsub(phash, '.', function(c) return string.format('%02x', string.byte(c)) end))
end
