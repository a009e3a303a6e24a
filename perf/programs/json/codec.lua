-- JSON in Lua, which has none of its own: a codec as one would write it. `json` and
-- `json_large` use it.
local escapes = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }
local unescapes = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }

local write

local function write_string(s, out)
  out[#out + 1] = '"' .. string.gsub(s, '[%c"\\]', escapes) .. '"'
end

local function write_table(t, out)
  if #t > 0 or next(t) == nil then
    for i, v in ipairs(t) do
      out[#out + 1] = i == 1 and "[" or ","
      write(v, out)
    end
    out[#out + 1] = #t == 0 and "[]" or "]"
  else
    local first = true
    for k, v in pairs(t) do
      out[#out + 1] = first and "{" or ","
      first = false
      write_string(k, out)
      out[#out + 1] = ":"
      write(v, out)
    end
    out[#out + 1] = "}"
  end
end

function write(v, out)
  local kind = type(v)
  if kind == "table" then
    write_table(v, out)
  elseif kind == "string" then
    write_string(v, out)
  else
    out[#out + 1] = tostring(v)
  end
end

local function stringify(v)
  local out = {}
  write(v, out)
  return table.concat(out)
end

local read

local function skip(text, at)
  return string.find(text, "[^ \n\r\t]", at) or #text + 1
end

local function read_string(text, at)
  local stop = at + 1
  while true do
    local found = string.find(text, '["\\]', stop)
    if not found then error("unterminated string") end
    if string.byte(text, found) == 34 then
      local raw = string.sub(text, at + 1, found - 1)
      if string.find(raw, "\\", 1, true) then
        raw = string.gsub(raw, "\\(.)", function(c) return unescapes[c] or c end)
      end
      return raw, found + 1
    end
    stop = found + 2
  end
end

local function read_array(text, at)
  local items = {}
  at = skip(text, at + 1)
  if string.sub(text, at, at) == "]" then return items, at + 1 end
  while true do
    local value
    value, at = read(text, at)
    items[#items + 1] = value
    at = skip(text, at)
    local c = string.sub(text, at, at)
    if c == "]" then return items, at + 1 end
    if c ~= "," then error("expected , or ]") end
    at = at + 1
  end
end

local function read_object(text, at)
  local object = {}
  at = skip(text, at + 1)
  if string.sub(text, at, at) == "}" then return object, at + 1 end
  while true do
    local key, value
    key, at = read_string(text, skip(text, at))
    at = skip(text, at)
    if string.sub(text, at, at) ~= ":" then error("expected :") end
    value, at = read(text, at + 1)
    object[key] = value
    at = skip(text, at)
    local c = string.sub(text, at, at)
    if c == "}" then return object, at + 1 end
    if c ~= "," then error("expected , or }") end
    at = at + 1
  end
end

function read(text, at)
  at = skip(text, at)
  local c = string.sub(text, at, at)
  if c == "{" then return read_object(text, at) end
  if c == "[" then return read_array(text, at) end
  if c == '"' then return read_string(text, at) end
  if string.sub(text, at, at + 3) == "true" then return true, at + 4 end
  if string.sub(text, at, at + 4) == "false" then return false, at + 5 end
  local number = string.match(text, "^-?[%d.eE+-]+", at)
  return tonumber(number), at + #number
end

return { stringify = stringify, parse = function(text) return (read(text, 1)) end }
