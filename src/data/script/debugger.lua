-- Redis's debugger of scripts: stops at lines, and does what its user says there. Loaded when a session first begins;
-- returns how to begin a session, and how to end it.
--
-- `native.stop(lines)` sends lines to the user and returns the words of the next command; nothing if nobody is there
-- any more. The hook runs within the script, so it sees the script's variables.
local native, debug, tools = ...
local redis, globals, proxies, compile, problem_of = unpack(tools)

local getinfo, getlocal, sethook = debug.getinfo, debug.getlocal, debug.sethook
local format, gsub, sub, byte, find = string.format, string.gsub, string.sub, string.byte, string.find
local concat, create, resume = table.concat, coroutine.create, coroutine.resume
local SOURCE, INSTRUCTIONS, LINES, BREAKPOINTS, DEPTH, ARGUMENTS = "@user_script", 10000, 100, 64, 10, 10

local source, lines           -- the script's lines
local limit                   -- milliseconds after which it is stopped
local out                     -- what the user is to be told next
local step, called            -- stop at the next line: as the user, or redis.breakpoint(), says
local current, since          -- the line it is at; when it went on last
local breakpoints, count
local longest, hinted
local events                  -- lines and counts since the session began
local gone                    -- whether nobody is there any more

local function say(text) out[#out + 1] = text end

local function say_some(text)
    if longest == 0 or #text <= longest then return say(text) end
    say(sub(text, 1, longest) .. " ...")
    if not hinted then
        hinted = true
        say("<hint> The above reply was trimmed. Use 'maxlen 0' to disable trimming.")
    end
end

local function show_line(number)
    local mark = (number == current and "->" or "  ") .. (breakpoints[number] and "#" or " ")
    say(format("%s%-3d %s", mark, number, source[number] or "<out of range source code line>"))
end

-- ----------------------------------------------------------------------------------------------------------- values

local escapes = { ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t", ["\a"] = "\\a", ["\b"] = "\\b", ['"'] = '\\"', ["\\"] = "\\\\" }

local function quote(text)
    local escaped = gsub(text, '.', function(c)
        if escapes[c] then return escapes[c] end
        local code = byte(c)
        if code < 32 or code > 126 then return format("\\x%02x", code) end
    end)
    return '"' .. escaped .. '"'
end

local function show(value, depth)
    local kind = type(value)
    if depth == DEPTH then return "<max recursion level reached! Nested table?>" end
    if kind == "string" then return quote(value) end
    if kind == "number" then return format("%g", value) end
    if kind == "nil" or kind == "boolean" then return tostring(value) end
    if kind ~= "table" then return '"' .. kind .. '"' end
    local list, pairs_of, expected = {}, {}, 1
    for key, element in next, proxies[value] or value do
        local text = show(element, depth + 1)
        if key == expected then list[expected] = text end
        pairs_of[#pairs_of + 1] = "[" .. show(key, depth + 1) .. "]=" .. text
        expected = expected + 1
    end
    return "{" .. concat(#list == #pairs_of and list or pairs_of, "; ") .. "}"
end

-- What a command answered, as its reply is shown.
local function show_reply(value)
    local kind = type(value)
    if kind == "string" then return quote(value) end
    if kind == "number" then return format("%.17g", value) end
    if value == nil then return "(null)" end
    if value == false then return "NULL" end
    if value == true then return "#true" end
    if kind ~= "table" then return kind end
    if value.ok then return quote("+" .. tostring(value.ok)) end
    if value.err then return quote("-" .. tostring(value.err)) end
    if value.double then return "(double) " .. tostring(value.double) end
    local parts = {}
    if value.map then
        for key, element in next, value.map do parts[#parts + 1] = show_reply(key) .. " => " .. show_reply(element) end
        return "{" .. concat(parts, ",") .. "}"
    end
    if value.set then
        for element in next, value.set do parts[#parts + 1] = show_reply(element) end
        return "~(" .. concat(parts, ",") .. ")"
    end
    for index = 1, #value do parts[index] = show_reply(value[index]) end
    return "[" .. concat(parts, ",") .. "]"
end

-- --------------------------------------------------------------------------------------------------------- commands

local function is_script(info) return info.source == SOURCE end

local function list(around, context)
    for number = 1, lines do
        if around == 0 or math.abs(around - number) <= context then show_line(number) end
    end
end

local function print_variable(name)
    local level = 2
    while getinfo(level, "S") do
        if is_script(getinfo(level, "S")) then
            local index, found, value = 1, getlocal(level, 1)
            while found do
                if found == name then return say_some("<value> " .. show(value, 0)) end
                index = index + 1
                found, value = getlocal(level, index)
            end
        end
        level = level + 1
    end
    if name == "ARGV" or name == "KEYS" then return say_some("<value> " .. show(globals[name], 0)) end
    say("No such variable.")
end

local function print_all()
    local level, shown = 2, false
    while getinfo(level, "S") and not is_script(getinfo(level, "S")) do level = level + 1 end
    local index, name, value = 1, nil, nil
    if getinfo(level, "S") then name, value = getlocal(level, 1) end
    while name do
        if not find(name, "(*temporary)", 1, true) then
            say_some("<value> " .. name .. " = " .. show(value, 0))
            shown = true
        end
        index = index + 1
        name, value = getlocal(level, index)
    end
    if not shown then say("No local variables in the current context.") end
end

local function trace()
    local level, first = 2, true
    local info = getinfo(level, "Snl")
    while info do
        if is_script(info) then
            say((first and "In " or "From ") .. (info.name or "top level") .. ":")
            show_line(info.currentline)
            first = false
        end
        level = level + 1
        info = getinfo(level, "Snl")
    end
end

local function set_breakpoint(word)
    local number = tonumber(word)
    if not number or number % 1 ~= 0 then return say("Invalid argument:'" .. word .. "'") end
    if number == 0 then
        breakpoints, count = {}, 0
        say("All breakpoints removed.")
    elseif number < 0 then
        if not breakpoints[-number] then return say("No breakpoint in the specified line.") end
        breakpoints[-number], count = nil, count - 1
        say("Breakpoint removed.")
    elseif count == BREAKPOINTS then
        say("Too many breakpoints set.")
    elseif number > lines then
        say("Wrong line number.")
    else
        if not breakpoints[number] then breakpoints[number], count = true, count + 1 end
        list(number, 1)
    end
end

local function show_breakpoints()
    if count == 0 then return say("No breakpoints set. Use 'b <line>' to add one.") end
    say(count .. " breakpoints set:")
    for number = 1, lines do
        if breakpoints[number] then show_line(number) end
    end
end

local function text_of(problem)
    problem = problem_of(problem)
    return tostring(type(problem) == "table" and problem.err or problem)
end

-- In a coroutine of its own, so that it can be interrupted as the script can: within a hook there are no hooks.
local function run(f, ...)
    local thread = create(f)
    sethook(thread, native.pause, "", INSTRUCTIONS)
    return resume(thread, ...)
end

local function evaluate(code)
    local f, problem = compile("return " .. code, "@ldb_eval")
    if not f then f, problem = compile(code, "@ldb_eval") end
    if not f then return say("<error> " .. tostring(problem)) end
    local ok, value = run(f)
    if ok then say_some("<retval> " .. show(value, 0)) else say("<error> " .. text_of(value)) end
end

local function set_longest(word)
    if word then
        hinted = true
        longest = tonumber(word) or 0
        if longest ~= 0 and longest <= 60 then longest = 60 end
    end
    if longest == 0 then return say("<value> replies are unlimited.") end
    say(format("<value> replies are truncated at %d bytes.", longest))
end

-- ("]]" occurs in it.)
local HELP = [=[
Each command may be said by its first letter.
help                   this text
step, next             run this line, stop at the next one
continue               run to the next breakpoint, or to the end
abort                  end the script here; what it has written stays
list [LINE [AROUND]]   the script around LINE (0: where it is), with AROUND lines on either side
whole                  all of the script
print [NAME]           the local variables, or one of them; KEYS and ARGV, too
break                  which breakpoints there are
break LINE ...         stop at LINE; -LINE: no more; 0: nowhere
trace                  which function was called from where
eval CODE              run some Lua; it does not see the script's local variables
redis COMMAND          run a command as redis.call does
maxlen [BYTES]         cut what is shown after so many bytes; 0: never
In a script, redis.debug(value, ...) shows values, and redis.breakpoint() stops at the next line.
]=]

-- Does what the user says; true: the script goes on.
local function obey(words)
    local name = string.lower(words[1])
    local function is(long) return name == long or name == sub(long, 1, 1) end
    if is("step") or is("next") then
        step = true
        return true
    elseif is("continue") then
        return true
    elseif is("abort") then
        error({ err = "ERR script aborted for user request" }, 0)
    elseif is("help") then
        for line in string.gmatch(HELP, "(.-)\n") do say(line) end
    elseif is("trace") then
        trace()
    elseif is("maxlen") then
        set_longest(words[2])
    elseif is("break") then
        if not words[2] then show_breakpoints() end
        for index = 2, #words do set_breakpoint(words[index]) end
    elseif is("eval") then
        evaluate(concat(words, " ", 2))
    elseif is("redis") and words[2] then
        step = true
        run(redis.call, unpack(words, 2))
        step = false
    elseif is("print") then
        if words[3] == nil and words[2] then print_variable(words[2]) else print_all() end
    elseif is("list") then
        local around = tonumber(words[2]) or 0
        list(around > 0 and around or current, tonumber(words[3]) or 5)
    elseif is("whole") then
        list(1, 1000000)
    else
        say("<error> Unknown Redis Lua debugger command or wrong number of arguments.")
    end
end

-- Whether the user is there still, and has let the script go on.
local function converse()
    while not gone do
        local told = out
        out = {}
        local words = native.stop(told)
        if not words then
            gone, step, breakpoints, count = true, false, {}, 0
        elseif obey(words) then
            return true
        end
    end
    return false
end

local function hook(event)
    -- Instructions are counted within hooks too, so that most counts come to an end there: lines are counted as well.
    events = events + 1
    local due = event == "count" or events % LINES == 0
    if due then native.pause() end
    local info = getinfo(2, "Sl")
    if not info or not is_script(info) then return end
    current = info.currentline
    local reason = called and "redis.breakpoint() called" or breakpoints[current] and "break point" or step and "step over"
    local late = not reason and due and native.now() - since >= limit
    if late then reason = "timeout reached, infinite loop?" end
    if not reason then return end
    step, called = false, false
    say(format("* Stopped at %d, stop reason = %s", current, reason))
    show_line(current)
    if not converse() and late then
        error({ err = "ERR timeout during Lua debugging with client closing connection" }, 0)
    end
    since = native.now()
end

-- ---------------------------------------------------------------------------------------------------------- sessions

-- While the user steps, what the script calls is shown, with what it is answered.
local function shown(call)
    local function answered(ok, ...)
        local problem = ... -- Or what was answered.
        if ok then
            say_some("<reply> " .. show_reply(problem))
            if type(problem) == "table" and problem.err then say("<error> -" .. tostring(problem.err)) end
            return ...
        end
        say_some("<error> " .. text_of(problem))
        error(problem, 0)
    end
    return function(...)
        if not step then return call(...) end
        local words = {}
        for index = 1, math.min(select("#", ...), ARGUMENTS) do words[index] = tostring((select(index, ...))) end
        local more = select("#", ...) - ARGUMENTS
        say("<redis> " .. concat(words, " ") .. (more > 0 and format(" ... (%d more)", more) or ""))
        return answered(pcall(call, ...))
    end
end

local plain = { call = redis.call, pcall = redis.pcall, breakpoint = redis.breakpoint, debug = redis.debug }
local debugged = { call = shown(redis.call), pcall = shown(redis.pcall) }

function debugged.breakpoint()
    called = true
    return true
end

function debugged.debug(...)
    local values = {}
    for index = 1, select("#", ...) do values[index] = show((select(index, ...)), 0) end
    say(format("<debug> line %d: %s", current, concat(values, ", ")))
end

local function begin(text, milliseconds)
    source, lines = {}, 0
    for line in string.gmatch(gsub(text, "[\r\n]*$", "") .. "\n", "(.-)\n") do
        lines = lines + 1
        source[lines] = line
    end
    limit, out, step, called, current, events, since = milliseconds, {}, true, false, 0, 0, native.now()
    breakpoints, count, longest, hinted, gone = {}, 0, 256, false, false
    for name, f in next, debugged do redis[name] = f end
    sethook(hook, "l", INSTRUCTIONS)
end

-- What the user was not told yet.
local function finish()
    sethook()
    for name, f in next, plain do redis[name] = f end
    say("<endsession>")
    local left = out
    source, out, breakpoints = nil, nil, nil
    return left
end

return { begin = begin, finish = finish }
