module whiskers

go 1.19
