from exon.runs.cli import main

main()
