-- Makes the sandbox that scripts run in. Called once with the functions that Rust provides; returns how to run a
-- script or a function, how to compile one, and what the debugger works with.
--
-- Stock Lua 5.1 has no read-only tables. What scripts share is therefore reached through proxies: an empty table whose
-- metatable reads from the real one and refuses writes. Functions that go around metatables are wrapped.
local native = ...

local G = {}             -- the real globals of scripts
local globals            -- their proxy, which scripts see
local libraries_see      -- the same for libraries of functions, which see something else while they are loaded
local proxies = {}       -- proxy -> the table behind it
local setmetatable, getmetatable, rawset, rawget, next, type = setmetatable, getmetatable, rawset, rawget, next, type
local pcall, xpcall, error, setfenv, loadstring, tostring = pcall, xpcall, error, setfenv, loadstring, tostring
local concat, byte, find, sub, gsub = table.concat, string.byte, string.find, string.sub, string.gsub
local tonumber, unpack, collectgarbage, getfenv = tonumber, unpack, collectgarbage, getfenv

local function refuse_write()
    error("Attempt to modify a readonly table", 2)
end

local function protect(target)
    local locked = setmetatable({}, { __newindex = refuse_write, __metatable = false })
    proxies[locked] = {}
    local proxy = setmetatable({}, { __index = target, __newindex = refuse_write, __metatable = locked })
    proxies[proxy] = target
    return proxy
end

-- ------------------------------------------------------------------------------------------- functions that differ

-- What a script gets of an error that it catches: those of native functions are tables, as all of Redis's.
local function problem_of(problem)
    if type(problem) == "userdata" then return native.problem(problem) end
    return problem
end

-- A script that was killed must not live on by catching the error.
local function survive(ok, ...)
    if ok then return true, ... end
    if native.killed() then error((...), 0) end
    return false, problem_of((...))
end

-- Those who catch an error by pcall get its text, as before Redis 7.
local function text_of(ok, ...)
    if ok then return true, ... end
    local problem = ...
    if type(problem) == "table" and type(rawget(problem, "err")) == "string" then return false, problem.err end
    return false, problem
end

local function writable(t)
    if proxies[t] then error("Attempt to modify a readonly table", 3) end
    return t
end

function G.pcall(...) return text_of(survive(pcall(...))) end
function G.xpcall(f, handler)
    return survive(xpcall(f, function(problem) return handler(problem_of(problem)) end))
end
function G.setmetatable(t, meta) return setmetatable(writable(t), meta) end
function G.rawset(t, k, v) return rawset(writable(t), k, v) end
function G.rawget(t, k) return rawget(proxies[t] or t, k) end
function G.next(t, k) return next(proxies[t] or t, k) end
function G.pairs(t)
    local behind = proxies[t]
    if behind then return function(_, k) return next(behind, k) end, t, nil end
    if type(t) ~= "table" then error("bad argument #1 to 'pairs' (table expected, got " .. type(t) .. ")", 2) end
    return next, t, nil
end

-- The metatable of strings is one for all scripts: they see a locked one.
local string_metatable
function G.getmetatable(value)
    if type(value) == "string" then return string_metatable end
    return getmetatable(value)
end

-- Lua 5.1 counts the results in an int that can overflow, and then writes beyond its stack (CVE-2025-46817). It makes
-- ints of both ends without a look, too: what it is given must be some already.
function G.unpack(t, i, j)
    if type(t) ~= "table" then error("bad argument #1 to 'unpack' (table expected, got " .. type(t) .. ")", 2) end
    local first, last = tonumber(i) or 1, tonumber(j) or #t
    if first > last then return end
    if not (last - first < 8000 and first >= -2147483648 and last <= 2147483647) then
        error("too many results to unpack", 2)
    end
    if j ~= nil then return unpack(t, i, j) end
    if i ~= nil then return unpack(t, i) end
    return unpack(t) -- Every argument takes a place that a result could have.
end

-- What scripts compile sees what they see; and it is text, since bytecode can do anything. Lua 5.1's parser makes a string
-- of the chunk's name, to its first zero, and does not hold on to it (CVE-2025-49844): here it is the string that `name` is.
local function compile(text, name)
    if byte(text, 1) == 27 then return nil, "bytecode can't be loaded" end
    local zero = find(name, "\0", 1, true)
    if zero then name = sub(name, 1, zero - 1) end
    local f, problem = loadstring(text, name)
    if f then setfenv(f, name == "@user_function" and libraries_see or globals) end
    return f, problem
end
function G.loadstring(text, name)
    text = tostring(text)
    return compile(text, name or text)
end
function G.load(reader, name)
    local parts, piece = {}, nil
    repeat
        piece = reader()
        if piece ~= nil and type(piece) ~= "string" then error("reader function must return a string", 2) end
        parts[#parts + 1] = piece
    until piece == nil or piece == ""
    return compile(concat(parts), name or "=(load)")
end

-- Stopping the collector would outlive the script.
function G.collectgarbage(what, argument)
    if what == nil or what == "collect" or what == "count" or what == "step" then
        return collectgarbage(what, argument)
    end
    return 0
end

local function copy(library)
    local functions = {}
    for name, f in next, library do functions[name] = f end
    return functions
end

local libraries = { coroutine = copy(coroutine), table = copy(table), string = copy(string), math = copy(math) }
local resume, insert, remove, sort = coroutine.resume, table.insert, table.remove, table.sort
local match, gmatch = string.match, string.gmatch
function libraries.coroutine.resume(...) return survive(resume(...)) end
function libraries.table.insert(t, ...) return insert(writable(t), ...) end
function libraries.table.remove(t, ...) return remove(writable(t), ...) end
function libraries.table.sort(t, ...) return sort(writable(t), ...) end

-- Lua 5.1 matches by recursion, a call for each repetition in the pattern, however many there are: they could take more
-- than the stack of the script.
local function check_pattern(pattern)
    if type(pattern) ~= "string" or #pattern <= 4096 then return end
    local _, repetitions = gsub(pattern, "[*+?-]", "")
    if repetitions > 4096 then error("pattern too complex", 3) end
end

function libraries.string.find(text, pattern, init, plain)
    if not plain then check_pattern(pattern) end
    return find(text, pattern, init, plain)
end
function libraries.string.match(text, pattern, init)
    check_pattern(pattern)
    return match(text, pattern, init)
end
function libraries.string.gmatch(text, pattern)
    check_pattern(pattern)
    return gmatch(text, pattern)
end
libraries.string.gfind = libraries.string.gmatch
function libraries.string.gsub(text, pattern, by, most)
    check_pattern(pattern)
    return gsub(text, pattern, by, most)
end

for _, name in next, {
    "tostring", "assert", "tonumber", "rawequal", "type", "select", "gcinfo", "ipairs", "_VERSION", "error",
} do
    G[name] = _G[name]
end
-- Whoever sees the environments of others still does not see ours, where bytecode can be loaded.
if native.deprecated then
    local ours = getfenv(1)
    -- A function, or how many calls away one is of the function that asked.
    local function which(f)
        if type(f) == "function" then return f end
        return tonumber(f == nil and 1 or f) or error("bad argument #1 (number expected)", 3)
    end
    local function environment_of(f)
        local environment = getfenv(type(f) == "number" and f > 0 and f + 2 or f)
        return environment
    end
    G.newproxy = newproxy
    function G.getfenv(f)
        local environment = environment_of(which(f))
        return environment == ours and globals or environment
    end
    function G.setfenv(f, environment)
        f = which(f)
        if environment_of(f) == ours then error("'setfenv' cannot change environment of given object", 2) end
        local changed = setfenv(type(f) == "number" and f + 1 or f, environment)
        return changed
    end
end

-- -------------------------------------------------------------------------------------------------------- the globals

for library, functions in next, native.functions do
    libraries[library] = libraries[library] or {}
    for name, f in next, functions do libraries[library][name] = f end
end
for library, values in next, native.values do
    for name, value in next, values do libraries[library][name] = value end
end
for name, library in next, libraries do G[name] = protect(library) end
string_metatable = protect({ __index = G.string })
getmetatable("").__index = G.string

local strict = {
    __index = function(_, name)
        error("Script attempted to access nonexistent global variable '" .. tostring(name) .. "'", 2)
    end,
}
setmetatable(G, strict)
globals = protect(G)
rawset(G, "_G", globals)

-- What a library sees while it is loaded.
local registrar = setmetatable({ register_function = native.register_function, log = libraries.redis.log }, strict)
for name, value in next, native.values.redis do registrar[name] = value end
local loading = setmetatable({ redis = protect(registrar) }, strict)
local locked = setmetatable({}, { __newindex = refuse_write, __metatable = false })
local seen = { __index = G, __newindex = refuse_write, __metatable = locked }
libraries_see = setmetatable({}, seen)
proxies[libraries_see], proxies[locked] = G, {}

-- ------------------------------------------------------------------------------------------------------------ running

-- Gives an error the position of the innermost function of a script.
local function located(problem)
    problem = problem_of(problem)
    if type(problem) ~= "table" then problem = { err = "ERR " .. tostring(problem) } end
    local source, line = native.position()
    if source then problem.source, problem.line = source, line end
    return problem
end

local function load_library(f)
    seen.__index = loading
    local ok, problem = xpcall(f, located)
    seen.__index = G
    return ok, problem
end

-- What the debugger works with.
local tools = { libraries.redis, G, proxies, compile, problem_of }

return {
    globals = G, located = located, load_library = load_library, compile = compile, tools = tools,
}
