# Reads the lists that cargo-mutants leaves (caught, timeout, missed, unviable), writes the score of each file as a table, and the
# missed ones by name.
FILENAME != last { last = FILENAME; kind = FILENAME; sub(/.*\//, "", kind); sub(/\.txt$/, "", kind) }
{
    file = $0; sub(/:.*/, "", file); sub(/^controller\/src\//, "", file)
    files[file]; count[file, kind]++; sum[kind]++
    if (kind == "missed") missed[++misses] = $0
}
function percent(caught, of) { return of ? sprintf("%.0f %%", 100 * caught / of) : "" }
function row(name, killed, missed, unviable) {
    printf "| %s | %d | %d | %d | %s |\n", name, killed, missed, unviable, percent(killed, killed + missed)
}
END {
    print "| file | killed | missed | unviable | score |"
    print "|---|---:|---:|---:|---:|"
    n = 0; for (file in files) names[++n] = file
    for (i = 1; i <= n; i++) for (j = i + 1; j <= n; j++) if (names[j] < names[i]) { t = names[i]; names[i] = names[j]; names[j] = t }
    for (i = 1; i <= n; i++) {
        f = names[i]; row("`" f "`", count[f, "caught"] + count[f, "timeout"], count[f, "missed"], count[f, "unviable"])
    }
    row("**all**", sum["caught"] + sum["timeout"], sum["missed"], sum["unviable"])
    print "\nMissed:\n"
    for (i = 1; i <= misses; i++) print "- `" missed[i] "`"
}
