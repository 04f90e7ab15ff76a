-- Ends an entry whose image is recorded: its alert, if it has one and had none before, and the end, in one step.
--
-- KEYS[2]  {archive}:images:<lane>  stream
-- KEYS[3]  {archive}:ids:<bucket>   hash    id -> number
-- KEYS[4]  {archive}:alerts         stream, one field `event`; mirrored on the pub/sub channel of that name
-- KEYS[5]  {archive}:counters       hash    alerts
-- also     {archive}:latency:<lane>   hash    quarter octave of ms -> images; ms -> their sum
-- ARGV[2]  consumer, ARGV[3] entry id, ARGV[4] delivery number, ARGV[5] image id, ARGV[6] its number
-- ARGV[7]  header of its record but for the flags, ARGV[8] the alert as JSON, or empty, ARGV[9] alerts to keep
-- Returns  LOST, CHANGED (the server holds another image under this id: record it again), DONE (it was done before), or OK
local MAX_WAITED_MS = 2 ^ 32

if not owns(KEYS[2], ARGV[3], ARGV[2], ARGV[4]) then
  return {'LOST'}
end

local number = redis.call('HGET', KEYS[3], ARGV[5])
if number ~= ARGV[6] then
  return {'CHANGED'}
end
local record = read_record(number)
-- Time, rank and steps back too: a failover may have given number, hash and horizon to the same image once more.
if string.sub(record, 2, 1 + #ARGV[7]) ~= ARGV[7] then
  return {'CHANGED'}
end

-- XACK first: a script whose first write frees memory passes whole at maxmemory.
redis.call('XACK', KEYS[2], GROUP, ARGV[3])
redis.call('XDEL', KEYS[2], ARGV[3])
if is_done(record) then
  return {'DONE'}
end
redis.call('HSET', image_key(number), number, string.char(string.byte(record, 1) + DONE) .. string.sub(record, 2))
if ARGV[8] ~= '' then
  redis.call('XADD', KEYS[4], 'MAXLEN', '~', ARGV[9], '*', 'event', ARGV[8])
  redis.call('HINCRBY', KEYS[5], 'alerts', 1)
  redis.call('PUBLISH', KEYS[4], ARGV[8])
end
-- From the arrival on the lane to this moment; an id that somebody made up tells nothing. Last, and without an error:
-- whatever lies at that key, the alert is out.
local waited = math.max(0, now_ms() - tonumber(string.match(ARGV[3], '^%d+')))
if waited < MAX_WAITED_MS then
  local latency = prefix .. 'latency:' .. string.match(KEYS[2], '[a-z]+$')
  redis.pcall('HINCRBY', latency, string.format('%d', math.floor(4 * math.log(waited + 1) / math.log(2))), 1)
  redis.pcall('HINCRBY', latency, 'ms', string.format('%d', waited))
end
return {'OK'}
