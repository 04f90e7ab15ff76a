-- Moves one failure back to a lane, as the producer wrote it: no attempt of before counts.
--
-- KEYS[2]  {archive}:failures       stream
-- KEYS[3]  {archive}:images:<lane>  stream
-- ARGV[2]  entry id in `failures`
-- Returns  OK, or GONE (it is no failure any more)
local entry = redis.call('XRANGE', KEYS[2], ARGV[2], ARGV[2])[1]
if not entry then
  return {'GONE'}
end

-- What fail.lua added, and what the retry lane had added before.
local added = {stream = true, reason = true, detail = true, attempts = true, failed_at = true}
local by_retry = {deaths = true, first_seen_at = true, lane = true}
local given, came_from = entry[2], nil
for at = 1, #given, 2 do
  if given[at] == 'stream' then came_from = given[at + 1] end
end
local fields = {}
for at = 1, #given, 2 do
  local name = given[at]
  if not added[name] and not (came_from == 'images:retry' and by_retry[name]) then
    fields[#fields + 1] = name
    fields[#fields + 1] = given[at + 1]
  end
end
if #fields == 0 then
  -- It had nothing but fields of the names above: an entry needs one.
  fields = {'url', ''}
end

-- The first write: refused whole, with nothing changed, where the server is at maxmemory.
redis.call('XADD', KEYS[3], '*', unpack(fields))
redis.call('XDEL', KEYS[2], ARGV[2])
return {'OK'}
