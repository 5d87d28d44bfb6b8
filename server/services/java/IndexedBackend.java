import de.bwaldvogel.mongo.MongoCollection;
import de.bwaldvogel.mongo.MongoDatabase;
import de.bwaldvogel.mongo.backend.AbstractMongoBackend;
import de.bwaldvogel.mongo.backend.AbstractSynchronizedMongoCollection;
import de.bwaldvogel.mongo.backend.AbstractSynchronizedMongoDatabase;
import de.bwaldvogel.mongo.backend.CollectionOptions;
import de.bwaldvogel.mongo.backend.CursorRegistry;
import de.bwaldvogel.mongo.backend.DocumentWithPosition;
import de.bwaldvogel.mongo.backend.Index;
import de.bwaldvogel.mongo.backend.IndexKey;
import de.bwaldvogel.mongo.backend.QueryResult;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.wire.bson.BsonDecoder;
import de.bwaldvogel.mongo.wire.bson.BsonEncoder;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** Keeps documents in memory, and reads them by ordered indexes as MongoDB does. */
class IndexedBackend extends AbstractMongoBackend {
    @Override
    protected MongoDatabase openOrCreateDatabase(String name) {
        return new Database(name, getCursorRegistry());
    }

    private static class Database extends AbstractSynchronizedMongoDatabase<Integer> {
        Database(String name, CursorRegistry cursors) {
            super(name, cursors);
            initializeNamespacesAndIndexes();
        }

        /** Of two who make a collection at once, the library lets both, and forgets one's. */
        @Override
        public synchronized MongoCollection<Integer> createCollectionOrThrowIfExists(
                String name, CollectionOptions options) {
            return super.createCollectionOrThrowIfExists(name, options);
        }

        @Override
        protected MongoCollection<Integer> openOrCreateCollection(String name, CollectionOptions options) {
            return new Documents(this, name, options, cursorRegistry);
        }

        @Override
        protected Index<Integer> openOrCreateUniqueIndex(
                String collection, String name, List<IndexKey> keys, boolean sparse) {
            return new OrderedIndex(name, keys, sparse, true);
        }

        @Override
        protected Index<Integer> openOrCreateSecondaryIndex(
                String collection, String name, List<IndexKey> keys, boolean sparse) {
            return new OrderedIndex(name, keys, sparse, false);
        }

        @Override
        protected long getStorageSize() {
            return 0;
        }

        @Override
        protected long getFileSize() {
            return 0;
        }
    }

    /**
     * A collection. Documents are kept as BSON: that is a fifth of what they are as objects, and
     * what is being sent to one client is not changed by another.
     */
    private static class Documents extends AbstractSynchronizedMongoCollection<Integer> {
        private final List<byte[]> documents = new ArrayList<>();
        private final Queue<Integer> free = new ArrayDeque<>();
        private int dataSize;

        Documents(MongoDatabase database, String name, CollectionOptions options, CursorRegistry cursors) {
            super(database, name, options, cursors);
        }

        @Override
        protected QueryResult queryDocuments(
                Document query, Document orderBy, int skip, int limit, int batchSize, Document fields) {
            OrderedIndex.Scan scan = isNatural(orderBy) ? null : best(query, orderBy);
            if (scan == null) {
                return matchDocuments(query, orderBy, skip, limit, batchSize, fields);
            }
            Stream<Document> found = scan.positions.map(this::getDocument);
            Document unsorted = scan.sorted ? null : orderBy;
            return matchDocumentsFromStream(found, query, unsorted, skip, limit, batchSize, fields);
        }

        private static boolean isNatural(Document orderBy) {
            return orderBy != null && orderBy.containsKey("$natural");
        }

        /** Where the query is looked up best; null where all documents must be read. */
        private OrderedIndex.Scan best(Document query, Document orderBy) {
            OrderedIndex.Scan best = null;
            for (Index<Integer> index : getIndexes()) {
                OrderedIndex.Scan scan = ((OrderedIndex) index).scan(query, orderBy);
                boolean narrower = best == null || scan.narrowed > best.narrowed;
                if (narrower || (scan.narrowed == best.narrowed && scan.sorted && !best.sorted)) {
                    best = scan;
                }
            }
            OrderedIndex.Scan any = query.get("$or") instanceof Collection ? anyOf(query) : null;
            if (any != null && (best == null || any.narrowed > best.narrowed)) {
                return any;
            }
            return best != null && (best.narrowed > 0 || best.sorted) ? best : null;
        }

        /** Each alternative looked up by itself; null where one cannot be. */
        private OrderedIndex.Scan anyOf(Document query) {
            Set<Integer> found = new LinkedHashSet<>();
            int narrowed = Integer.MAX_VALUE;
            for (Object alternative : (Collection<?>) query.get("$or")) {
                Document both = query.clone();
                both.remove("$or");
                both.putAll((Document) alternative);
                OrderedIndex.Scan scan = best(both, null);
                if (scan == null) {
                    return null;
                }
                narrowed = Math.min(narrowed, scan.narrowed);
                scan.positions.forEach(found::add);
            }
            return new OrderedIndex.Scan(narrowed, false, found.stream());
        }

        @Override
        protected QueryResult matchDocuments(
                Document query, Document orderBy, int skip, int limit, int batchSize, Document fields) {
            int last = isNaturalDescending(orderBy) ? documents.size() - 1 : 0;
            Stream<Document> all = IntStream.range(0, documents.size())
                .map(position -> Math.abs(last - position))
                .filter(position -> documents.get(position) != null)
                .mapToObj(this::getDocument);
            return matchDocumentsFromStream(all, query, orderBy, skip, limit, batchSize, fields);
        }

        @Override
        protected Stream<DocumentWithPosition<Integer>> streamAllDocumentsWithPosition() {
            return IntStream.range(0, documents.size())
                .filter(position -> documents.get(position) != null)
                .mapToObj(position -> new DocumentWithPosition<>(getDocument(position), position));
        }

        @Override
        protected Document getDocument(Integer position) {
            return BsonDecoder.decodeBson(Unpooled.wrappedBuffer(documents.get(position)));
        }

        private static byte[] encoded(Document document) {
            ByteBuf buffer = Unpooled.buffer();
            BsonEncoder.encodeDocument(document, buffer);
            return ByteBufUtil.getBytes(buffer);
        }

        @Override
        protected Integer addDocumentInternal(Document document) {
            byte[] bytes = encoded(document);
            dataSize += bytes.length;
            Integer position = free.poll();
            if (position == null) {
                documents.add(bytes);
                return documents.size() - 1;
            }
            documents.set(position, bytes);
            return position;
        }

        @Override
        protected void handleUpdate(Integer position, Document before, Document after) {
            byte[] bytes = encoded(after);
            dataSize += bytes.length - documents.set(position, bytes).length;
        }

        @Override
        protected void removeDocument(Integer position) {
            dataSize -= documents.set(position, null).length;
            free.add(position);
        }

        // The library takes the lock for what it expects to take long, and not for these.

        @Override
        public synchronized void addIndex(Index<Integer> index) {
            super.addIndex(index);
        }

        @Override
        public synchronized void dropIndex(String name) {
            super.dropIndex(name);
        }

        @Override
        public synchronized int count(Document query, int skip, int limit) {
            return super.count(query, skip, limit);
        }

        @Override
        public synchronized int count() {
            return documents.size() - free.size();
        }

        @Override
        protected boolean tracksDataSize() {
            return false;
        }

        @Override
        protected void updateDataSize(int change) {
        }

        @Override
        protected int getDataSize() {
            return dataSize;
        }
    }
}
