-- Hands entries to a consumer: first those that nobody renewed for a lease, then new ones. Makes the groups.
--
-- KEYS[2..]  {archive}:images:<lane>  stream
-- ARGV[2]    consumer
-- ARGV[3]    lease, ms; 0 asks for no abandoned entries
-- ARGV[4..]  how many of each stream, in the order of KEYS
-- Returns    OK, then for each entry: stream's position in KEYS less 1, entry id, delivery number, its fields
local consumer, lease = ARGV[2], tonumber(ARGV[3])
local taken = {'OK'}

for position = 2, #KEYS do
  local stream, want = KEYS[position], tonumber(ARGV[position + 2])

  if want > 0 and lease > 0 then
    local reply = redis.pcall('XAUTOCLAIM', stream, GROUP, consumer, lease, '0-0', 'COUNT', want)
    if reply.err then
      redis.call('XGROUP', 'CREATE', stream, GROUP, '0', 'MKSTREAM')
    else
      for _, entry in ipairs(reply[2]) do
        -- XAUTOCLAIM does not tell the delivery number.
        local row = redis.call('XPENDING', stream, GROUP, entry[1], entry[1], 1)[1]
        taken[#taken + 1] = {position - 1, entry[1], row[4], entry[2]}
        want = want - 1
      end
    end
  end

  if want > 0 then
    local reply = redis.pcall('XREADGROUP', 'GROUP', GROUP, consumer, 'COUNT', want, 'STREAMS', stream, '>')
    if reply and reply.err then
      redis.call('XGROUP', 'CREATE', stream, GROUP, '0', 'MKSTREAM')
      reply = redis.call('XREADGROUP', 'GROUP', GROUP, consumer, 'COUNT', want, 'STREAMS', stream, '>')
    end
    if reply then
      for _, entry in ipairs(reply[1][2]) do
        taken[#taken + 1] = {position - 1, entry[1], 1, entry[2]}
      end
    end
  end
end
return taken
