-- Hands entries to a consumer: first those that nobody renewed for a lease, then new ones. Makes the groups.
--
-- KEYS[2..]  {archive}:images:<lane>  streams, in the order in which they are emptied
-- ARGV[2]    consumer
-- ARGV[3]    lease, ms; 0 asks for no abandoned entries
-- ARGV[4]    how many entries in all
-- Returns    OK, then for each entry: stream's position in KEYS less 2, entry id, delivery number, its fields
local consumer, lease, want = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local taken = {'OK'}

-- Runs a command on a stream; makes the group, from its very beginning, where it is missing.
local function on_group(stream, ...)
  local reply = redis.pcall(...)
  if type(reply) == 'table' and reply.err then
    if not string.find(reply.err, 'NOGROUP', 1, true) then error(reply) end
    redis.call('XGROUP', 'CREATE', stream, GROUP, '0', 'MKSTREAM')
    reply = redis.call(...)
  end
  return reply
end

for position = 2, #KEYS do
  local stream = KEYS[position]
  if want > 0 and lease > 0 then
    -- Not XAUTOCLAIM: it looks at ten entries for each one wanted, so that many held ones could hide an abandoned one.
    local rows = on_group(stream, 'XPENDING', stream, GROUP, 'IDLE', lease, '-', '+', want)
    for _, row in ipairs(rows) do
      local entry = redis.call('XCLAIM', stream, GROUP, consumer, lease, row[1])[1]
      if entry then
        taken[#taken + 1] = {position - 2, entry[1], row[4] + 1, entry[2]}
        want = want - 1
      end
    end
  end
  if want > 0 then
    local reply = on_group(stream, 'XREADGROUP', 'GROUP', GROUP, consumer, 'COUNT', want, 'STREAMS', stream, '>')
    for _, entry in ipairs(reply and reply[1][2] or {}) do
      taken[#taken + 1] = {position - 2, entry[1], 1, entry[2]}
      want = want - 1
    end
  end
end
return taken
