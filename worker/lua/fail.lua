-- Ends an entry in `failures`, whole, with its reason. A recorded image never goes there.
--
-- KEYS[2]  {archive}:images:<lane>  stream
-- KEYS[3]  {archive}:failures       stream
-- KEYS[4]  {archive}:ids:<bucket>   hash    id -> number; the bucket of the image's id, unused where ARGV[5] is empty
-- also     {archive}:counters       hash    failed:<reason>
-- ARGV[2]  consumer, ARGV[3] entry id, ARGV[4] delivery number, ARGV[5] image id, or empty
-- ARGV[6]  name of the stream, ARGV[7] reason, ARGV[8] detail, ARGV[9] attempts, ARGV[10] failures to keep
-- Returns  LOST, RECORDED (go on to the search), GONE (somebody deleted the entry), or OK
if not owns(KEYS[2], ARGV[3], ARGV[2], ARGV[4]) then
  return {'LOST'}
end
if ARGV[5] ~= '' and ARGV[7] ~= 'id_conflict' and redis.call('HEXISTS', KEYS[4], ARGV[5]) == 1 then
  return {'RECORDED'}
end

local entry = redis.call('XRANGE', KEYS[2], ARGV[3], ARGV[3])[1]
redis.call('XACK', KEYS[2], GROUP, ARGV[3])
if not entry then
  return {'GONE'}
end
redis.call('XDEL', KEYS[2], ARGV[3])
local own = {stream = true, reason = true, detail = true, attempts = true, failed_at = true}
local fields = {}
for at = 1, #entry[2], 2 do
  if not own[entry[2][at]] then
    fields[#fields + 1] = entry[2][at]
    fields[#fields + 1] = entry[2][at + 1]
  end
end
if #fields > 1000 then
  -- More than one call can take: whole, but in one field.
  fields = {'fields', cjson.encode(fields)}
end
for _, value in ipairs({'stream', ARGV[6], 'reason', ARGV[7], 'detail', ARGV[8], 'attempts', ARGV[9],
    'failed_at', string.format('%d', now_ms())}) do
  fields[#fields + 1] = value
end
redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[10], '*', unpack(fields))
redis.call('HINCRBY', prefix .. 'counters', 'failed:' .. ARGV[7], 1)
return {'OK'}
