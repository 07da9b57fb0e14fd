module normalize

go 1.19

require whiskers v0.0.0

replace whiskers => ./whiskers
